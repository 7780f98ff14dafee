{#- Has the formula's own modules and library on the minion: containerd/salt/sync.jinja brings them. #}
{%- from "containerd/salt/sync.jinja" import by_ssh, fresh, release, synced with context %}
{#- A third of what a converged run costs: only where it is needed. #}
{%- if fresh %}
{%-   from "containerd/map.jinja" import beside with context %}
{%- endif %}

include:
  - containerd.pillar

containerd Salt modules are loaded:
{%- if by_ssh and not synced %}
{%-   set told = "salt-ssh has not brought the formula's library, or one of another release: set thin_extra_mods to containerd_formula,tomlkit in the master's configuration, let PYTHONPATH name the formula's folder _utils, and run salt-ssh once with --regen-thin; where runners are in use, run salt-run saltutil.sync_all before that (docs/ways-in.md)." %}
  test.fail_without_changes:
    # Under test=True Salt drops the comment, so that the name says it too.
    - name: {{ told | json }}
    - comment: {{ told | json }}
{%- else %}
  test.nop:
    - name: {{ release }}
{%- endif %}
{%- if fresh %}
    # Not reload_modules, which acts only after changes.
    - force_reload_modules: true
{%- endif %}
    - require:
      - sls: containerd.pillar

# Somebody else's module of the same name would replace ours, whatever was synced.
containerd Salt modules are synced:
  containerd_salt.synced:
    - name: {{ release }}
{%- if fresh %}
    # The modules of before rendered this, and could not check the pillar whole.
    - pillar: {{ beside | json }}
{%- endif %}
    - require:
      - containerd Salt modules are loaded

# In an image build the node is not running, and the running kernel is the builder's.
containerd can be started:
  containerd_service.can_start:
    - require:
      - containerd Salt modules are synced
