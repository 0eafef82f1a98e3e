"""Salesforce as a spoke: accounts, contacts and cases."""
