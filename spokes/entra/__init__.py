"""Microsoft Entra ID, through Microsoft Graph: users and groups."""
