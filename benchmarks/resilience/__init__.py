"""What is lost, late or repeated while receivers, connections or functions break."""
