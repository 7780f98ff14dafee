{#- Stops the run before anything on the node changes where the pillar is wrong. #}
{%- from "containerd/map.jinja" import problems with context %}

containerd settings are valid:
{%- if problems %}
  test.fail_without_changes:
    # Under test=True Salt drops the comment, so that the name says it too.
    - name: {{ problems | join(" ") | json }}
    - comment: {{ problems | join("\n") | json }}
{%- else %}
  test.nop: []
{%- endif %}
