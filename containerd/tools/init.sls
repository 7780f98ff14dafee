{#- Files for people at the node's shell, none unless pillar asks for it: what crictl and nerdctl are told of this
    containerd. They come after the service, whose configuration they follow. This restarts nothing. #}
{%- from "containerd/map.jinja" import containerd with context %}
{%- set tools = containerd.tools %}
{%- set wanted = tools.crictl.manage or tools.nerdctl.manage or tools.completion %}
{%- set after = "containerd.service" if wanted else "containerd.salt.modules" %}

include:
  - {{ after }}
{%- for tool, file in (("crictl", "/etc/crictl.yaml"), ("nerdctl", "/etc/nerdctl/nerdctl.toml")) %}

# Without manage it removes the file that it wrote before.
containerd {{ tool }} configuration is managed:
  containerd_tools.managed:
    - name: {{ file }}
    - tool: {{ tool }}
    - manage: {{ tools[tool].manage | json }}
    - replace: {{ tools[tool].replace | json }}
    - config: {{ tools[tool].config | json(sort_keys=False) }}
    - require:
      - sls: {{ after }}
{%- endfor %}

# Of the tools that this node has now. What it wrote for others goes.
containerd shell completion is managed:
  containerd_tools.completed:
    - name: /etc/bash_completion.d
    - tools: {{ tools.completion | json }}
    - require:
      - sls: {{ after }}
