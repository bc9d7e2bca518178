"""Identity: whose image is this, and which images are filed under the wrong patient."""
