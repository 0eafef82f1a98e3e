"""The spoke for Dynamics 365 Field Service and Customer Service, which live on Dataverse."""
