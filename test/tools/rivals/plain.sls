{#- What a site writes with Salt's own states. kmod.present is not here: it never converges with a kernel that
    has the modules built in. plain/config.toml is what the binary prints, with the two settings in it. -#}

plain modules load at boot:
  file.managed:
    - name: /etc/modules-load.d/k8s.conf
    - contents: |
        overlay
        br_netfilter

plain modules are loaded:
  cmd.run:
    - name: modprobe --all overlay br_netfilter
    - creates: /proc/sys/net/bridge

{% for key in ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables", "net.ipv4.ip_forward") %}
plain sysctl {{ key }}:
  sysctl.present:
    - name: {{ key }}
    - value: 1
    - config: /etc/sysctl.d/k8s.conf
    - require:
      - cmd: plain modules are loaded
{% endfor %}

plain package:
  pkg.installed:
    - name: containerd

plain configuration:
  file.managed:
    - name: /etc/containerd/config.toml
    - source: salt://plain/config.toml
    - template: jinja
    - makedirs: true
    - require:
      - pkg: plain package

plain service:
  service.running:
    - name: containerd
    - enable: true
    - watch:
      - file: plain configuration
