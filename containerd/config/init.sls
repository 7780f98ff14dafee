{#- Writes /etc/containerd/config.toml: the installed binary's own default with the layers merged in, one after the
    other. It comes after the package, whose release decides the schema. A change of its data restarts the service. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.package
  - containerd.salt
  - containerd.registries
{%- if containerd.runtimes %}
  - containerd.runtimes
{%- endif %}

# In bubblewrap's sandbox a candidate is read and started. If it cannot be installed, the state below says so.
containerd sandbox is installed:
  containerd_package.tool_installed:
    - name: bwrap
    - package: bubblewrap
    - needed: false
    - require:
      - sls: containerd.package
      - sls: containerd.salt

containerd configuration is managed:
  containerd_toml.managed:
    - name: /etc/containerd/config.toml
    - overrides: &layers
{%- if "systemd" in grains %}
        - formula: {{ containerd.systemd_config | json(sort_keys=False) }}
{%- endif %}
        - os: {{ containerd.package[containerd.package.source].config | json(sort_keys=False) }}
{%- if containerd.registries.hosts %}
        - {{ {"registries": containerd.registries, "of": "registries"} | json(sort_keys=False) }}
{%- endif %}
{%- if containerd.runtimes %}
        - {{ dict(runtimes=containerd.runtimes, of="runtimes", systemd="systemd" in grains) | json(sort_keys=False) }}
{%- endif %}
{%- if containerd.sandbox_image %}
        - {{ {"sandbox_image": containerd.sandbox_image, "of": "sandbox_image"} | json(sort_keys=False) }}
{%- endif %}
        - pillar: {{ containerd.config | json(sort_keys=False) }}
{%- for condition, fragment in containerd.config_for.items() %}
        - {{ {"pillar " ~ condition: fragment, "for": condition} | json(sort_keys=False) }}
{%- endfor %}
    - strict: {{ containerd.config_strict | json }}
    - cri: {{ containerd.service.cri | json }}
    - trial_start: {{ containerd.service.trial_start | json }}
    - trial_timeout: {{ containerd.service.ready_timeout }}
    - service:
{%- for key in ("environment", "limits", "directives") %}
        {{ key }}: {{ containerd.service[key] | json(sort_keys=False) }}
{%- endfor %}
    - require:
      - sls: containerd.package
      - sls: containerd.salt
      - sls: containerd.registries
{%- if containerd.runtimes %}
      - sls: containerd.runtimes
{%- endif %}
      - containerd sandbox is installed

# The service does not watch this: a new owner or mode needs no restart.
containerd configuration is protected:
  containerd_toml.protected:
    - name: /etc/containerd/config.toml
    - overrides: *layers
    - require:
      - containerd configuration is managed
