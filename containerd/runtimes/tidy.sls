{#- Removes old archives of runtimes, and those of runtimes that pillar no longer has, once the daemon is ready with the
    new configuration. What a running container needs stays. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.service

containerd old runtimes are removed:
  containerd_runtimes.tidied:
    - name: /opt/containerd-formula/runtimes
    - runtimes: {{ containerd.runtimes | json(sort_keys=False) }}
    - require:
      - {{ "containerd is ready" if containerd.service.manage else "containerd service is enabled" }}
