# SPDX-License-Identifier: Apache-2.0
"""OpenFlow controllers for bridges whose work ct() does.

firewall, nat and lb are one application each: x_config reads its file, x_flows
makes flows of it and x_app is what runs.  The others are shared:

config     a YAML or JSON file, with errors that name line and field
ranges     ports as masks, ranges of addresses
openflow   flows, groups, meters; ct() and nat()
switch     a connected bridge: what it has, and what it should have
app        what the applications have in common
run        command line, listener, TLS, start
neighbour  ARP and neighbour discovery for addresses of our own
health     checks of a load balancer's back ends
"""
