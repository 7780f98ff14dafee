{#- Stops and disables the service, and removes the site's settings from its unit. Containers keep running: their
    shims do not need the daemon. #}
include:
  - containerd.pillar

containerd service is stopped:
  service.dead:
    - name: containerd
    - enable: false
    - require:
      - sls: containerd.pillar
{%- set drop_in = "/etc/systemd/system/containerd.service.d/50-containerd-formula" %}
{%- set copy = "/var/lib/containerd-formula/etc:systemd:system:containerd.service.d:50-containerd-formula" %}
{%- for suffix in ("conf", "env") %}
{#- Older releases kept the copies beside the file. #}
{%- for end in ("", ".good", ".rejected") %}

containerd service drop-in {{ suffix ~ end }} is removed:
  file.absent:
    - name: {{ drop_in }}.{{ suffix ~ end }}
    - require:
      - containerd service is stopped
    - onchanges_in:
      - containerd service drop-in is forgotten
{%- endfor %}
{%- for end in (".good", ".rejected") %}

containerd service drop-in copy {{ suffix ~ end }} is removed:
  file.absent:
    - name: {{ copy }}.{{ suffix ~ end }}
    - require:
      - containerd service is stopped
{%- endfor %}
{%- endfor %}

containerd service drop-in is forgotten:
  module.run:
    - service.systemctl_reload: []
    - require:
      - containerd service is stopped

containerd record of changes is removed:
  file.absent:
    - name: /var/lib/containerd-formula/change.json
    - require:
      - containerd service is stopped
