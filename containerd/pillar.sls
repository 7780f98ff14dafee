{#- Stops the run, before anything on the node changes, if the pillar is wrong or could not be checked. #}
{#- First the modules, which check more than a renderer does: later SLS would find what this one did not, and have
    the map's defaults. #}
{%- from "containerd/salt/sync.jinja" import fresh with context %}
{%- from "containerd/map.jinja" import problems with context %}
{%- set told = problems or ["The pillar was not checked: the file server has no _utils/containerd_formula/pillar.py in saltenv " ~ saltenv ~ ". Give it the whole formula."] %}

containerd pillar is valid:
{%- if problems == [] %}
  test.nop:
    - name: containerd pillar is valid
{%- else %}
  test.fail_without_changes:
    # Under test=True Salt drops the comment, so that the name says it too.
    - name: {{ told | join(" ") | json }}
    - comment: {{ told | join("\n") | json }}
{%- endif %}
{%- if fresh %}
    # Not reload_modules, which acts only after changes.
    - force_reload_modules: true
{%- endif %}
