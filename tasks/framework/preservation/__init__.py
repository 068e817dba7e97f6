"""Tasks export themselves: to RECAST, yadage and REANA, to W3C PROV, to a bundle."""
