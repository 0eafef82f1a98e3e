"""What came before is read again: asked for once more, remembered, or dead."""
