{#- What the formula needs of Salt itself, in the same run: its own modules, and tomlkit in the Python that runs the
    minion, installed only where its import fails, from where the site has it. #}
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
