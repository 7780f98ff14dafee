{#- Removes the releases of upstream's archive that are not in use, once the one in use is ready. #}
include:
  - containerd.service

containerd old archives are removed:
  containerd_archive.tidied:
    - require:
      - sls: containerd.service
