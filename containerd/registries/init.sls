{#- Mirrors, authorities and credentials of registries: files of /etc/containerd/certs.d, in the form that the installed
    release reads. Before config.toml, which names that folder. A change restarts nothing. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.package
  - containerd.salt

containerd registries are managed:
  containerd_registries.managed:
    - name: /etc/containerd/certs.d
    - registries: {{ containerd.registries | json(sort_keys=False) }}
    # The drop-in comes later in the run.
    - environment: {{ containerd.service.environment | json(sort_keys=False) }}
    - require:
      - sls: containerd.package
      - sls: containerd.salt
