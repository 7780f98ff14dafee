{#- Removes config.toml, and the copies of its previous and its rejected state, where they are the formula's: containerd then runs
    on its own defaults. A file that somebody else wrote stays. #}
include:
  - containerd.service.clean
{%- for name in ("config.toml", "config.toml.previous", "config.toml.rejected") %}

containerd {{ name }} is removed:
  file.absent:
    - name: /etc/containerd/{{ name }}
    - onlyif:
      - fun: file.contains
        path: /etc/containerd/{{ name }}
        text: '# Managed by Salt (containerd-formula).'
    - require:
      - sls: containerd.service.clean
{%- endfor %}
