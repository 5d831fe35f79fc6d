"""Colours and fonts of the page. Fonts are bundled or the system's, so nothing is fetched."""

from __future__ import annotations

from gradio.themes import Base
from gradio.themes.utils.fonts import Font, LocalFont

from app.ui.texts import EXPLANATION, SENTENCE


def theme() -> Base:
    """The page's Gradio theme: muted colours on a paper-like background."""
    return Base(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="stone",
        radius_size="md",
        font=(LocalFont("Source Sans Pro", weights=(400, 700)), Font("sans-serif")),
        font_mono=(LocalFont("IBM Plex Mono", weights=(400, 600)), Font("monospace")),
    ).set(
        body_background_fill="*neutral_50",
        body_text_color_subdued="*neutral_600",  # enough contrast for small text
        body_text_color_subdued_dark="*neutral_300",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        link_text_color_hover="*primary_800",
        link_text_color_visited="*primary_700",
        link_text_color_visited_dark="*primary_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        block_shadow="none",
        block_label_text_color="*neutral_600",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
        button_cancel_background_fill="#b91c1c",
        button_cancel_background_fill_hover="#991b1b",
        button_cancel_text_color="white",
    )


HEADER = (
    '<header class="bs-header"><span class="bs-name">bookstate</span>'
    f'<span class="bs-sentence">{SENTENCE}</span>'
    f'<span class="bs-explanation">{EXPLANATION}</span></header>'
)

CSS = """
.gradio-container { max-width: min(1240px, 100vw) !important; margin: 0 auto; }
.gradio-container .wrap, .gradio-container .column, #documents { max-width: 100%; }
.html-container { padding: 0 !important; }
#documents th, #documents [role=gridcell] * { font-family: var(--font); font-size: 0.95rem; }
#documents [role=gridcell] { cursor: pointer; }
#documents th * { font-size: 0.85rem; }
#documents [aria-colindex="7"] { display: none; }
@media (max-width: 1180px) { #documents [aria-colindex="5"] { display: none; } }
.bs-header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 14px;
  padding: 10px 2px 4px; }
.bs-name { font-size: 1.7rem; font-weight: 600; letter-spacing: -0.01em;
  color: var(--primary-700); }
.dark .bs-name { color: var(--primary-300); }
.bs-sentence { font-size: 1.05rem; }
.bs-explanation { flex-basis: 100%; color: var(--body-text-color-subdued); }
.bs-title { font-weight: 600; font-size: 1.08rem; margin: 4px 0; overflow-wrap: anywhere; }
.bs-note { color: var(--body-text-color-subdued); margin: 4px 0; overflow-wrap: anywhere; }
.bs-good { color: var(--primary-700); }
.dark .bs-good { color: var(--primary-300); }
.bs-warning { color: var(--body-text-color); background: #fef3c7; border-radius: 6px;
  padding: 8px 12px; }
.dark .bs-warning { background: #57420a; }
.secondary-wrap input { text-overflow: ellipsis; padding-right: 2em !important; }
.bs-actions { align-items: flex-end; }
.bs-plain { border: 0; background: none; box-shadow: none; padding: 0 0 4px; }
#talk button[aria-label="Clear"] { display: none; }
.bs-empty { text-align: center; padding: 56px 16px; font-size: 1.15rem;
  border: 1px dashed var(--border-color-primary); border-radius: 10px;
  color: var(--body-text-color-subdued); }
.bs-bar { display: block; height: 6px; border-radius: 3px; overflow: hidden;
  background: var(--border-color-primary); margin: 6px 0; }
.bs-bar > * { display: block; height: 100%; background: var(--primary-600); }
.bs-confidence { margin: 2px 0 10px; }
.bs-source { border-top: 1px solid var(--border-color-primary); padding: 8px 0; }
.bs-source summary { cursor: pointer; display: flex; align-items: center; flex-wrap: wrap; }
.bs-place { margin-right: 12px; white-space: nowrap; }
.bs-chapter { color: var(--body-text-color-subdued); overflow-wrap: anywhere; }
#talk blockquote { margin: 8px 0 0; padding-left: 10px; line-height: 1.5;
  border-left: 3px solid var(--color-accent); font-size: 0.95em; }
#talk mark { background: color-mix(in srgb, var(--color-accent) 25%, transparent); color: inherit; }
#talk small, .bs-sure { color: var(--body-text-color-subdued); }
.bs-chip { display: inline-block; font-size: 0.85rem; padding: 1px 10px; margin: 2px 0 0;
  border-radius: 999px; border: 1px solid var(--border-color-primary);
  color: var(--body-text-color-subdued); overflow-wrap: anywhere; }
.bubble .bs-chip, #talk .bs-chip { display: block; width: fit-content; margin-top: 6px; }
.bs-items { margin-top: 8px; }
.bs-items summary { cursor: pointer; padding: 3px 0; }
.bs-person { border-top: 1px solid var(--border-color-primary); padding: 6px 0; }
.bs-person summary { cursor: pointer; display: flex; align-items: center; flex-wrap: wrap;
  gap: 4px 14px; }
.bs-who { flex: 0 0 14em; max-width: 100%; overflow-wrap: anywhere; }
.bs-bars { width: 180px; height: 26px; flex: none; fill: var(--primary-600); }
.dark .bs-bars { fill: var(--primary-300); }
.bs-topic { align-items: center; }
.bs-quotes { margin: 4px 0 12px 20px; line-height: 1.55; max-width: 72ch; }
.bs-quotes li { margin: 4px 0; }
.bs-text { white-space: pre-line; line-height: 1.55; margin: 8px 0 4px; max-width: 72ch;
  font-family: Charter, "Bitstream Charter", "Source Serif 4", Georgia, serif;
  overflow-wrap: anywhere; max-height: 22em; overflow-y: auto; }
.bs-hidden { position: absolute !important; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); }
.bs-leaf { line-height: 1.6; max-width: 68ch; margin: 0 auto; overflow-wrap: anywhere;
  font-family: Charter, "Bitstream Charter", "Source Serif 4", Georgia, serif; }
.bs-leaf p { margin: 0 0 0.9em; white-space: pre-line; }
.bs-leaf mark { background: color-mix(in srgb, var(--color-accent) 30%, transparent);
  color: inherit; scroll-margin: 30vh; }
.bs-turning { align-items: center; }
.bs-pane { border-radius: 6px; scroll-margin-top: 8px; overflow-x: auto; }
.bs-pane:focus-visible { outline: 3px solid var(--color-accent); outline-offset: 2px; }
.bs-sheet { margin: 0 auto 14px; max-width: 860px; }
.bs-drawn { position: relative; border: 1px solid var(--border-color-primary); background: white; }
.bs-drawn img { display: block; width: 100%; height: auto; }
.bs-drawn mark { position: absolute; border-radius: 2px; mix-blend-mode: multiply;
  background: #ffd84d99; box-shadow: 0 0 0 2px #ffd84d99; scroll-margin: 30vh 60px; }
@media (max-width: 640px) { .bs-drawn { width: 640px; } }
.bs-page { user-select: none; float: left;
  margin-left: -4.2em; width: 3.6em; text-align: right; font-size: 0.75rem;
  font-family: var(--font); color: var(--body-text-color-subdued); }
@media (max-width: 900px) { .bs-page { float: none; margin: 0 0.4em 0 0; width: auto; } }
.bs-summary { border-top: 1px solid var(--border-color-primary); padding: 10px 0; }
#shelf blockquote { margin: 8px 0 0; padding-left: 10px; line-height: 1.5;
  border-left: 3px solid var(--color-accent); font-size: 0.95em; }
#shelf mark { background: color-mix(in srgb, var(--color-accent) 25%, transparent);
  color: inherit; }
.bs-options .form { border: 0; background: none; box-shadow: none; }
.bs-summary .bs-text { max-height: none; }
.bs-summary h4 { margin: 0 0 2px; font-size: 1rem; overflow-wrap: anywhere; }
.bs-cite { font-size: 0.82em; white-space: nowrap; }
.bs-acts { font-size: 0.82em; white-space: nowrap; display: inline-block; margin-left: 4px; }
.bs-acts a { color: var(--neutral-600); margin-right: 8px; }
.html-container a, #talk a { text-decoration: underline; text-underline-offset: 2px; }
.dark .bs-acts a { color: var(--neutral-300); }
.bs-acts a:hover, .bs-acts a:focus-visible { text-decoration: underline; }
.bs-answer > .bs-acts, .bs-told > .bs-acts, .bs-kept > .bs-acts { display: block;
  margin: 6px 0 0; }
.bs-copying .bs-acts { display: none !important; }
.bs-kept { border-top: 1px solid var(--border-color-primary); padding: 10px 0; max-width: 76ch; }
.bs-kept h4 { margin: 0 0 4px; font-size: 1rem; overflow-wrap: anywhere; }
.bs-kept h4 small { font-weight: 400; color: var(--body-text-color-subdued); margin-left: 8px; }
.bs-kept blockquote { margin: 6px 0; padding-left: 10px; line-height: 1.5;
  border-left: 3px solid var(--color-accent); overflow-wrap: anywhere; }
.bs-remark { margin: 6px 0; padding: 6px 10px; border-radius: 6px; white-space: pre-line;
  background: var(--background-fill-secondary); overflow-wrap: anywhere; }
.bs-passages summary { cursor: pointer; color: var(--body-text-color-subdued); }
.bs-facts { border-collapse: collapse; width: 100%; border: 0 !important; }
.bs-facts th { text-align: left; font-weight: 400; color: var(--body-text-color-subdued);
  padding: 5px 18px 5px 0; white-space: nowrap; vertical-align: top; }
.bs-facts td { padding: 5px 0; overflow-wrap: anywhere; }
.bs-facts th, .bs-facts td, .bs-facts tr { border: 0 !important; background: none !important; }
@media (max-width: 640px) {
  .bs-explanation { display: none; }
  .bs-facts th { white-space: normal; }
  #documents [aria-colindex]:not([aria-colindex="1"], [aria-colindex="6"]) { display: none; }
  #documents [aria-colindex="1"] { width: 200px !important; min-width: 200px !important;
    max-width: 200px !important; flex: 0 0 200px !important; }
  #documents [aria-colindex="6"] { width: 130px !important; min-width: 130px !important;
    max-width: 130px !important; flex: 0 0 130px !important; }
}
"""
