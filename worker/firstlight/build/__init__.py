"""From a site's folder to `dist/`: scan, compile, prerender, bundle, report. Never uploaded."""
