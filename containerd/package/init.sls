{#- containerd from the source that the site trusts: Docker's repository or the distribution. #}
{%- from "containerd/map.jinja" import containerd with context %}

include:
{%- if containerd.package.source == "docker" %}
  - containerd.package.repo
{%- endif %}
  - containerd.package.install
