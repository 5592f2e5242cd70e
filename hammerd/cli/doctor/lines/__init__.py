"""The findings of the doctor, the ways that they form, and how they are printed."""
