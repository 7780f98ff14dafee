{#- Removes nothing: other states of the minion may use the TOML library, and Salt manages the synced modules. #}
containerd Salt modules are left in place:
  test.nop: []
