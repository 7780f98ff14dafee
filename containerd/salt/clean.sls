{#- The TOML library and the synced modules stay: the minion's other states may use the one, Salt owns the other. #}
containerd Salt modules are left in place:
  test.nop: []
