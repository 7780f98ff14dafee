{#- Removes the releases of upstream's archive that are not in use, once the one in use is ready. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.service

containerd old archives are removed:
  containerd_archive.tidied:
    - require:
      - {{ "containerd is ready" if containerd.service.manage else "containerd service is enabled" }}
