{#- Kernel modules: loaded, and named in /etc/modules-load.d for the next boot. No restart. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}

include:
  - containerd.settings
  - containerd.salt.modules

containerd kernel modules load at boot:
  file.managed:
    - name: /etc/modules-load.d/containerd.conf
    - contents: {{ (["# Managed by Salt (containerd-formula)."] + containerd.kernel.modules) | json }}
    - mode: '0644'
    - makedirs: true
    - require:
      - sls: containerd.settings

containerd kernel modules are loaded:
{%- if not containerd.service.manage %}
  # An image is built: the kernel that runs is another machine's.
  test.nop: []
{%- elif preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_kernel.modules_loaded:
    - modules: {{ containerd.kernel.modules | json }}
    - require:
      - sls: containerd.settings
      - sls: containerd.salt.modules
{%- endif %}
