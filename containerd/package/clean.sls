{#- Removes the package after the service is down, then the repository. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.service.clean
  - containerd.config.clean
  - containerd.package.repo.clean

containerd package is removed:
  pkg.removed:
    - name: {{ containerd.package[containerd.package.source].name | json }}
    - require:
      - sls: containerd.service.clean
      - sls: containerd.config.clean
    - require_in:
      - sls: containerd.package.repo.clean
