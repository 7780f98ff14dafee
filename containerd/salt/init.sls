{#- What the formula needs of Salt itself: its own modules and the TOML library, in the same run. #}
include:
  - containerd.salt.modules
  - containerd.salt.library
