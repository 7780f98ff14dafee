{#- Running, and restarted once when the data of config.toml or the unit's settings changed. With restart: manual
    nothing restarts, and each run says that a restart is pending. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}

include:
  - containerd.settings
  - containerd.config.file
  - containerd.service.settings
  - containerd.service.enabled

containerd service is running:
  service.running:
    - name: containerd
    - require:
      - sls: containerd.settings
      - containerd service is enabled
{%- if containerd.service.restart == "auto" %}
    - watch:
{%- endif %}
      - containerd configuration is managed
      - containerd service settings are managed

# Where the run before was killed between the write and the restart, nothing changes in this one.
containerd service runs with its configuration:
{%- if preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd.restarted:
    - restart: {{ containerd.service.restart | json }}
    - require:
      - containerd service is running
{%- endif %}
