{#- Syncs the formula's own modules and library while this SLS renders, if the minion has none or those of another
    release, as Salt's highstate does. So the first test=True shows the whole preview. No other rendering changes
    anything. make stamp writes `release`. #}
{%- set release = "0.1.0+2c064acf" %}
{#- salt-ssh brings the modules itself, and the library only if it is told to: there is nothing to sync. It takes any
    function for one that is there, and 3008 ends the rendering at one that is not. #}
{%- set by_ssh = "__master_opts__" in opts %}
{%- set loaded = salt["sys.list_functions"]("containerd.release") if by_ssh else "containerd.release" in salt %}
{%- set synced = loaded and salt["containerd.release"]() == release
      and (by_ssh or salt["containerd_salt.states_are_ours"]()) %}
{%- if not synced and not by_ssh %}
{#-   A sync removes modules of other saltenvs. So base means the saltenvs of the top file, as for Salt itself, and
      another saltenv comes on top of base. The state below refreshes: a refresh here would take the grains from this
      run, on a minion without multiprocessing (3008). #}
{%-   set saltenvs = none if saltenv == "base" else "base," ~ saltenv %}
{#-   The modules last: one of them reports the release. #}
{%-   for kind in ("utils", "states", "modules") %}
{%-     do salt["saltutil.sync_" ~ kind](saltenv=saltenvs, refresh=False) %}
{%-   endfor %}
{%- endif %}

include:
  - containerd.pillar

containerd Salt modules are loaded:
{%- if by_ssh and not synced %}
{%-   set told = "salt-ssh has not brought the formula's library, or one of another release: set thin_extra_mods to containerd_formula,tomlkit in the master's configuration, let PYTHONPATH name the formula's folder _utils, and run salt-ssh once with --regen-thin (docs/ways-in.md)." %}
  test.fail_without_changes:
    # Under test=True Salt drops the comment, so that the name says it too.
    - name: {{ told | json }}
    - comment: {{ told | json }}
{%- else %}
  test.nop:
    - name: {{ release }}
{%- endif %}
{%- if not synced and not by_ssh %}
    # Not reload_modules, which acts only after changes.
    - force_reload_modules: true
{%- endif %}
    - require:
      - sls: containerd.pillar

# Somebody else's module of the same name would replace ours, whatever was synced.
containerd Salt modules are synced:
  containerd_salt.synced:
    - name: {{ release }}
    - require:
      - containerd Salt modules are loaded

# In an image build the node is not running, and the running kernel is the builder's.
containerd can be started:
  containerd_service.can_start:
    - require:
      - containerd Salt modules are synced
