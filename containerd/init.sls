{#- Makes the node ready for Kubernetes: the whole formula. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
  - containerd.kernel
  - containerd.package
  - containerd.salt
  - containerd.config
  - containerd.service
{%- if containerd.package.source == "archive" %}
  - containerd.package.archive.tidy
{%- endif %}
