"""The release that the library belongs to: with another one than the modules have, a sync was partial."""

RELEASE = "0.1.0+1a7195e2"
