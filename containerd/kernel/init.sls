{#- Loads the kernel modules and sets the sysctls that Kubernetes needs, now and at boot. This restarts nothing. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.pillar
  - containerd.salt.modules

containerd kernel modules load at boot:
  file.managed:
    - name: /etc/modules-load.d/containerd.conf
    - contents: {{ (["# Managed by Salt (containerd-formula)."] + containerd.kernel.modules) | json }}
    - mode: '0644'
    - makedirs: true
    - require:
      - sls: containerd.pillar
      - sls: containerd.salt.modules

containerd kernel modules are loaded:
{%- if containerd.service.manage %}
  containerd_kernel.modules_loaded:
    - modules: {{ containerd.kernel.modules | json }}
    - require:
      - sls: containerd.pillar
      - sls: containerd.salt.modules
{%- else %}
  # In an image build the running kernel belongs to another machine.
  test.succeed_without_changes:
    - comment: &left_alone
        "containerd:service:manage is false: the running kernel is left alone. This is for the next boot, and was not
        tried."
{%- endif %}

# After the modules that bring them.
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
    - require: &modules
      - containerd kernel modules load at boot
      - containerd kernel modules are loaded

containerd sysctls are set now:
{%- if containerd.service.manage %}
  containerd_kernel.sysctls_set:
    - values: {{ containerd.kernel.sysctls | json(sort_keys=False) }}
    - modules: {{ containerd.kernel.modules | json }}
    - require: *modules
{%- else %}
  test.succeed_without_changes:
    - comment: *left_alone
{%- endif %}
