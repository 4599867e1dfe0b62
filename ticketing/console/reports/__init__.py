"""Reports of an event in the console: sales, generated tickets and attendance, as tables and lines.

Begin reading in `report_page.py`.
"""
