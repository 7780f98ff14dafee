{#- Removes config.toml if the formula wrote it: containerd then runs on its own defaults. A file that somebody else
    wrote stays. All copies are removed. #}
include:
  - containerd.service.clean

containerd config.toml is removed:
  file.absent:
    - name: /etc/containerd/config.toml
    - onlyif:
      - fun: file.contains
        path: /etc/containerd/config.toml
        text: '# Managed by Salt (containerd-formula).'
    - require:
      - sls: containerd.service.clean

containerd copies are removed:
  file.absent:
    - name: /var/lib/containerd-formula
    - require:
      - sls: containerd.service.clean
{#- Older releases kept them beside the file. #}
{%- for end in ("good", "rejected") %}

containerd config.toml.{{ end }} is removed:
  file.absent:
    - name: /etc/containerd/config.toml.{{ end }}
    - require:
      - sls: containerd.service.clean
{%- endfor %}
