base:
  '*':
    - fleet
  'node-a*':
    - own
  'node-b*':
    - other
  'node-*':
    - site
