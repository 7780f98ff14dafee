{#- tomlkit in the Python that runs the minion: installed only where its import fails. #}
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
    - reload_modules: true
    - require:
      - sls: containerd.salt.modules
{%- endif %}
