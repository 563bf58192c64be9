"""Share with a SkyPortal, such as Fritz: sources, photometry and spectra."""
