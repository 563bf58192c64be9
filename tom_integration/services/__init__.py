"""Do what people and programs ask of shares: share once, preview, pause, retry, resolve, replay."""
