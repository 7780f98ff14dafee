{#- Syncs the formula's own modules and library while this SLS renders, if the minion has none or those of another
    release, as Salt's highstate does. So the first test=True shows the whole preview. No other rendering changes
    anything. make stamp writes `release`. #}
{%- set release = "0.1.0+5bb1b23a" %}
{%- set synced = "containerd.release" in salt and salt["containerd.release"]() == release
      and salt["containerd_salt.states_are_ours"]() %}
{%- if not synced %}
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
  test.nop:
    - name: {{ release }}
{%- if not synced %}
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
