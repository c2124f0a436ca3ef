"""Load runs against this server and its peers, their stored results, and what is drawn from them."""
