{#- Removes the files for people at the node's shell that the formula wrote. Those of others stay. #}
include:
  - containerd.pillar
  - containerd.salt.modules
{%- for tool, file in (("crictl", "/etc/crictl.yaml"), ("nerdctl", "/etc/nerdctl/nerdctl.toml")) %}

containerd {{ tool }} configuration is removed:
  containerd_tools.managed:
    - name: {{ file }}
    - tool: {{ tool }}
    - require:
      - sls: containerd.pillar
      - sls: containerd.salt.modules
{%- endfor %}

containerd shell completion is removed:
  containerd_tools.completed:
    - name: /etc/bash_completion.d
    - require:
      - sls: containerd.pillar
      - sls: containerd.salt.modules
