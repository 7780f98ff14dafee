{#- The formula's own modules: synced where this minion has none or those of another release. Under
    test=True nothing can be synced: then the states that need them are left out, and this says so. #}
{%- from "containerd/map.jinja" import preview, synced with context %}

include:
  - containerd.settings

containerd Salt modules are synced:
{%- if synced %}
  test.nop:
{%- elif preview %}
  test.show_notification:
    - text: >-
        The formula's modules of this release are not on this minion yet; a real run syncs them. This preview
        leaves out the states that need them (kernel modules and sysctls now, config.toml, readiness):
        run saltutil.sync_all for the full preview.
{%- else %}
  saltutil.sync_all:
    - refresh: true
    # 3008: without it the states of this run would see the modules from before the sync.
    - reload_modules: true
{%- if saltenv != "base" %}
    - saltenv: {{ saltenv }}
{%- endif %}
{%- endif %}
    - require:
      - sls: containerd.settings
