{#- Files for people at the node's shell: what crictl and nerdctl are told of this containerd, and the completion of
    commands. containerd.service brings it where pillar asks for one; they come after the service, whose configuration
    they follow. This restarts nothing. #}
{%- from "containerd/map.jinja" import containerd with context %}
{%- set tools = containerd.tools %}

include:
  - containerd.service
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
      - sls: containerd.service
{%- endfor %}

# Of the tools that this node has now. What it wrote for others goes.
containerd shell completion is managed:
  containerd_tools.completed:
    - name: /etc/bash_completion.d
    - tools: {{ tools.completion | json }}
    - require:
      - sls: containerd.service
