"""The release of the library. If the modules have another one, a sync brought only one of the two."""

RELEASE = "0.1.0+a442ddce"
