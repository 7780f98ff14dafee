{#- Removes config.toml where it is the formula's: containerd then runs on its own defaults. A file that somebody else
    wrote stays. The copies beside it go. #}
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
{%- for end in ("good", "rejected") %}

containerd config.toml.{{ end }} is removed:
  file.absent:
    - name: /etc/containerd/config.toml.{{ end }}
    - require:
      - sls: containerd.service.clean
{%- endfor %}
