{#- tomlkit in the Python that runs the minion: installed only where its import fails, from where the
    site has it. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}

include:
  - containerd.salt.modules

containerd TOML library is installed:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_toml.library_installed:
    - name: {{ containerd.salt.tomlkit | json }}
    - wheel: {{ containerd.salt.wheel | json }}
    - index_url: {{ containerd.salt.index_url | json }}
    - package: {{ containerd.salt.package | json }}
    - reload_modules: true
    - require:
      - sls: containerd.salt.modules
{%- endif %}
