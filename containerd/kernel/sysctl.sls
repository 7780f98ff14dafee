{#- Sysctls: set now, and in /etc/sysctl.d for the next boot; after the modules that bring them. No restart. #}
{%- from "containerd/map.jinja" import containerd, preview with context %}

include:
  - containerd.kernel.modules

containerd sysctls are set at boot:
  file.managed:
    - name: /etc/sysctl.d/99-kubernetes-cri.conf
    - contents:
      - '# Managed by Salt (containerd-formula).'
{%- for key, value in containerd.kernel.sysctls.items() if value is not none %}
      - {{ (key ~ " = " ~ value) | json }}
{%- endfor %}
    - mode: '0644'
    - makedirs: true
    - require:
      - sls: containerd.kernel.modules

containerd sysctls are set now:
{%- if not containerd.service.manage %}
  # An image is built: the kernel that runs is another machine's.
  test.nop: []
{%- elif preview %}
  test.show_notification:
    - text: Left out of this preview, see "containerd Salt modules are synced".
{%- else %}
  containerd_kernel.sysctls_set:
    - values: {{ containerd.kernel.sysctls | json(sort_keys=False) }}
    - require:
      - sls: containerd.kernel.modules
{%- endif %}
