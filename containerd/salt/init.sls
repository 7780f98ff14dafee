{#- Gives Salt what the formula needs, in the same run: the formula's modules, and tomlkit in the Python that runs the
    minion. It installs tomlkit only if the import fails, from the place that pillar names. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.salt.modules

containerd TOML library is installed:
  containerd_salt.library_installed:
    - name: {{ containerd.salt.tomlkit | json }}
    - wheel: {{ containerd.salt.wheel | json }}
    - wheel_sha256: {{ containerd.salt.wheel_sha256 | json }}
    - index_url: {{ containerd.salt.index_url | json }}
    - package: {{ containerd.salt.package | json }}
    - reload_modules: true
    - require:
      - sls: containerd.salt.modules
