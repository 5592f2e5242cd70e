"""The daily report: its facts and its layout."""
