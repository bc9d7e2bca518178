"""The page of a verification: image with regions, report with coloured sentences, witnesses, nearest cases."""
