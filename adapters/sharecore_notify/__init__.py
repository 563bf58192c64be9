"""Tell people in their chat of new data: Slack, Discord, Matrix, e-mail, and what else `apprise` reaches."""
