{#- /etc/containerd/config.toml: the installed binary's own default with the layers merged in, in their order. After
    the package, because the schema is that of the installed release. A change of its data restarts the service. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.package
  - containerd.salt
  - containerd.registries

# bubblewrap, in which a candidate is read and started. Where it is not to be had, the state below says so.
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
      - containerd sandbox is installed

# Not watched by the service: an owner or a mode is no reason for a restart.
containerd configuration is protected:
  containerd_toml.protected:
    - name: /etc/containerd/config.toml
    - overrides: *layers
    - require:
      - containerd configuration is managed
