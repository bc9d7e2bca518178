"""What English sentences state, and what their words only seem to."""

import pytest

from caseindex.records import Language
from caseindex.reports.statements import statements

POLARITY = {"present": "+", "absent": "-", "uncertain": "?"}


def _stated(sentence: str) -> set[str]:
    """Each statement as ``finding`` and polarity, with the first letter of its side and ``h`` for the past."""
    return {
        f"{made.finding}{POLARITY[made.polarity]}{made.side.value[0] if made.side else ''}{'h' if made.historical else ''}"
        for made in statements(sentence, Language.ENGLISH)
    }


@pytest.mark.parametrize(
    ("sentence", "stated"),
    [
        ("Marrow edema is likely due to an insufficiency fracture.", {"bone_marrow_edema+", "stress_fracture?"}),
        ("Right basal opacity is favored to represent atelectasis.", {"lung_opacity+r", "atelectasis?r"}),
        ("Left adrenal nodule, adenoma more likely than metastasis.",
         {"adrenal_mass+l", "adrenal_adenoma?l", "adrenal_metastasis?l"}),
        ("Portal venous gas worrying for bowel ischemia.", {"pneumatosis+", "bowel_ischemia?"}),
        ("Impending fracture of the left femoral neck.", {"hip_fracture?l"}),
        ("The lesion is unlikely to be a metastasis; a hemangioma is favored.",
         {"lesion+", "metastasis?", "hemangioma?"}),
        ("Highly likely pathological fracture through a lytic metastasis of the right humerus.",
         {"pathologic_fracture?r", "bone_metastasis+r"}),
        ("Mild CBD dilatation, likely physiological after cholecystectomy.", {"biliary_dilatation+", "cholecystectomy+"}),
        ("Steeple sign on the neck view suggestive of croup.", {"croup?"}),
        ("Chest pain, ? PE.", {"pulmonary_embolism?"}),
        ("Appearances may be due to pneumonia.", {"pneumonia?"}),
        ("A subtle fracture may be present.", {"fracture?"}),
        ("Pulmonary nodules may be metastatic.", {"lung_nodule+", "lung_metastasis?"}),
        ("Left ovary without detectable flow, findings highly concerning for ovarian torsion.", {"ovarian_torsion?l"}),
        ("Lytic lesion of the femur: metastasis, myeloma or lymphoma.",
         {"lytic_lesion+", "bone_metastasis?", "multiple_myeloma?", "lymphoma?"}),
    ],
)  # fmt: skip
def test_doubt(sentence: str, stated: set[str]) -> None:
    assert _stated(sentence) == stated


@pytest.mark.parametrize(
    ("sentence", "stated"),
    [
        ("Rather than pneumonia, the opacity likely reflects atelectasis.",
         {"pneumonia-", "lung_opacity+", "atelectasis?"}),
        ("No evidence of metastatic disease in a patient with breast cancer.", {"metastasis-", "breast_cancer+"}),
        ("No hemorrhage, mass or area of restricted diffusion is identified in the brain.",
         {"intracranial_hemorrhage-", "brain_mass-", "restricted_diffusion-"}),
        ("Loss of the normal lumbar lordosis.", {"spine_curvature+"}),
        ("Family history: breast cancer, personal history of a right fibroadenoma.",
         {"breast_cancer-h", "breast_fibroadenoma?rh"}),
        ("Indication: h/o melanoma, new headache, r/o brain mets.", {"melanoma?h", "brain_metastasis?"}),
    ],
)  # fmt: skip
def test_denials_and_the_past(sentence: str, stated: set[str]) -> None:
    assert _stated(sentence) == stated


@pytest.mark.parametrize(
    ("sentence", "stated"),
    [
        ("Non-obstructing calculus in the lower pole of the left kidney and a simple cyst in the right.",
         {"nephrolithiasis+l", "renal_cyst+r"}),
        ("Meniscal tear on the right and joint effusion on the left.", {"meniscal_tear+r", "joint_effusion+l"}),
        ("Mucosal thickening in both maxillary sinuses and a retention cyst on the left.",
         {"sinus_mucosal_thickening+b", "sinus_retention_cyst+l"}),
        ("Effusion on the right unchanged, on the left it has increased.", {"pleural_effusion+r", "pleural_effusion+l"}),
        ("The right adrenal nodule is not seen today, whereas the left one is unchanged.",
         {"adrenal_mass-r", "adrenal_mass+l"}),
        ("Bleed in the left thalamus.", {"brain_hemorrhage+l"}),
        ("Cyst in the left kidney, stone in the right kidney.", {"renal_cyst+l", "nephrolithiasis+r"}),
        ("Right upper lobe mass and liver metastases.", {"lung_mass+r", "liver_metastasis+"}),
        ("DVT of the left popliteal and femoral veins, right leg veins compressible.", {"dvt+l"}),
    ],
)  # fmt: skip
def test_sides(sentence: str, stated: set[str]) -> None:
    assert _stated(sentence) == stated


@pytest.mark.parametrize(
    ("sentence", "stated"),
    [
        ("Partially occlusive thrombus in the left portal vein.", {"portal_vein_thrombosis+l"}),
        ("Large cyst in the spleen.", {"splenic_cyst+"}),
        ("Emphysematous pyelonephritis.", {"pyelonephritis+"}),
        ("Diastasis of the lambdoid suture.", set()),
        ("The cystic duct is normal.", set()),
        ("Enlarged mediastinal and hilar lymph nodes.", {"mediastinal_lymphadenopathy+"}),
        ("LI-RADS 5 observation, diagnostic of HCC.", {"hcc+"}),
        ("Carotid plaque with 70% stenosis.", {"atherosclerosis+", "carotid_stenosis+"}),
        ("No filling defect in the main, lobar or segmental pulmonary arteries.", {"pulmonary_embolism-"}),
        ("The patient was seen by her PCP.", set()),
        ("Surgical clips in the left axilla after nodal dissection.", {"surgical_clips+l"}),
    ],
)  # fmt: skip
def test_words_of_something_else(sentence: str, stated: set[str]) -> None:
    assert _stated(sentence) == stated


def test_edema_is_not_that_of_the_bones_of_another_sentence() -> None:
    made = statements("Visualized osseous structures are unremarkable. No edema or focal consolidation in the lungs.")
    assert {one.finding for one in made} == {"pulmonary_edema", "consolidation"}


@pytest.mark.parametrize(
    ("sentence", "stated"),
    [
        # doubts weighed against each other
        ("Irregular tapering of the left ICA: dissection or, less probably, vasculitis.",
         {"arterial_dissection?l", "vasculitis?"}),
        ("Mass in the liver: metastasis, less likely abscess.", {"liver_mass+", "liver_metastasis?", "liver_abscess?"}),
        ("Liver lesion, hemangioma rather than metastasis.",
         {"liver_mass+", "liver_hemangioma?", "liver_metastasis?"}),
        ("I cannot tell scar from carcinoma.", {"fibrosis?", "malignancy?"}),
        ("The appearance is that of meningioma rather than schwannoma.", {"meningioma+", "schwannoma-"}),
        ("Favour meningioma rather than schwannoma.", {"meningioma?", "schwannoma?"}),
        # sides dealt out in a list, and behind the organ
        ("Kidneys: simple cyst upper pole R 32 mm, stone lower pole L.", {"renal_cyst+r", "nephrolithiasis+l"}),
        ("Emboli in the right main and both lower lobe pulmonary arteries.", {"pulmonary_embolism+b"}),
        ("Vestibular schwannoma, right CPA.", {"vestibular_schwannoma+r"}),
        ("Kerley B lines and small bilateral effusions.", {"interlobular_septal_thickening+", "pleural_effusion+b"}),
        ("Fractures: left 3rd-6th ribs, right clavicle.", {"rib_fracture+l", "clavicle_fracture+r"}),
        # what stands beyond a denied list with a size or a place of its own
        ("No screw loosening, disc degeneration at L3/4.", {"hardware+", "disc_disease+"}),
        ("No DVT, Baker's cyst 3 cm.", {"dvt-", "baker_cyst+"}),
        # what means something beside an organ or a disease only
        ("Acute pancreatitis without necrosis.", {"pancreatitis+", "pancreatic_necrosis-"}),
        ("Spleen 16 cm, ascites.", {"splenomegaly+", "ascites+"}),
        ("Spleen 11 cm.", set()),
        ("C2 odontoid peg #.", {"cervical_fracture+"}),
    ],
)  # fmt: skip
def test_doubts_sides_and_denials_of_lists(sentence: str, stated: set[str]) -> None:
    assert _stated(sentence) == stated


@pytest.mark.parametrize(
    ("sentence", "stated"),
    [
        # a side that trails
        ("Fracture of the clavicle, L; lungs clear.", {"clavicle_fracture+l"}),
        ("Rotator cuff tear, full thickness, left, with retraction.", {"rotator_cuff_tear+l"}),
        ("Meniscal tear (medial, R).", {"meniscal_tear+r"}),
        ("Right distal radius fracture plus ulnar styloid avulsion.", {"radius_fracture+r", "ulna_fracture+r"}),
        # both, taken apart
        ("Both kidneys contain stones, the left larger than before, the right unchanged.",
         {"nephrolithiasis+l", "nephrolithiasis+r"}),
        ("Bilateral effusions; the right has improved, the left is gone.", {"pleural_effusion+r", "pleural_effusion-l"}),
        ("Both hips show AVN, the right collapsed.", {"avn+b"}),
        ("Left hydronephrosis; right side not dilated.", {"hydronephrosis+l", "hydronephrosis-r"}),
        # a denial that ends
        ("No pneumonia, only bibasal atelectasis.", {"pneumonia-", "atelectasis+b"}),
        ("Osteophytes without cord compression, foraminal stenosis C5/6.",
         {"osteophyte+", "cord_compression-", "foraminal_stenosis+"}),
        ("Mild atrophy without mass effect, midline shift or hydrocephalus.",
         {"brain_atrophy+", "mass_effect-", "midline_shift-", "hydrocephalus-"}),
        ("Hilar nodes, previously 19 mm, are no longer enlarged.", {"mediastinal_lymphadenopathy-"}),
        # the past, of its own noun only
        ("Pancreatic pseudocyst after pancreatitis in 2019.", {"pancreatic_pseudocyst+", "pancreatitis?h"}),
        ("Stroke two weeks ago, no hemorrhage.", {"stroke?h", "hemorrhage-"}),
        ("Infrarenal AAA 5.3 cm (4.9 cm last year).", {"aaa+"}),
        ("Diverticulitis in March 2021, now asymptomatic.", {"diverticulitis?h"}),
        ("Status post right upper lobectomy for adenocarcinoma.", {"pneumonectomy+r", "lung_cancer?rh"}),
        ("The nodes in the mediastinum are no longer enlarged.", {"mediastinal_lymphadenopathy-"}),
        ("Lungs clear without effusion, pneumothorax.", {"pleural_effusion-", "pneumothorax-"}),
        ("Mass with irregular contour in the left cerebellopontine angle.", {"cpa_mass+l"}),
        ("Liver lesions with the largest in the left lobe.", {"liver_mass+"}),
        # what only describes another finding, or is as it should be
        ("Gout with erosions of the first MTP joint.", {"gout+"}),
        ("Bowel wall enhances normally.", set()),
        ("Small bowel dilated, collapsed distally.", set()),
    ],
)  # fmt: skip
def test_trailing_sides_ended_denials_and_the_past(sentence: str, stated: set[str]) -> None:
    assert _stated(sentence) == stated


@pytest.mark.parametrize(
    ("sentence", "stated"),
    [
        # what is only feared, taken back, of the healthy, or answered
        ("Lytic lesion of the femur at risk of fracture.", {"lytic_lesion+", "femur_fracture?"}),
        ("What was called a metastasis corresponds to a bone island.", {"metastasis-", "bone_island+"}),
        ("Graf type I, so no dysplasia of either hip.", {"hip_dysplasia-b"}),
        ("Suspected appendicitis: appendix normal.", {"appendicitis-"}),
        ("Density at the right base is more likely atelectasis than pneumonia.", {"atelectasis?r", "pneumonia?r"}),
        ("Differential for the right adnexal cyst includes endometrioma.", {"ovarian_cyst+r", "endometrioma?r"}),
        # the kind is denied, not the finding; what is denied would be in something that is there
        ("Non-occlusive thrombus in the portal vein.", {"portal_vein_thrombosis+"}),
        ("No enhancement within the renal cyst.", {"enhancement-", "renal_cyst+"}),
        ("No ductal dilatation, two gallstones.", {"biliary_dilatation-", "cholelithiasis+"}),
        ("Sludge but no stones in the gallbladder.", {"cholelithiasis-"}),
        # named before
        ("Hepatic metastases have decreased, index lesion in segment VI now 14 mm.", {"liver_metastasis+"}),
        ("Acute on chronic subdural haemorrhage on the right.", {"sdh+r"}),
        # words that mean another finding, or none
        ("Solid nodule in the left thyroid lobe.", {"thyroid_nodule+l"}),
        ("LGE in the LAD territory, chronic infarct.", {"myocardial_infarction+"}),
        ("Endometriosis with tethering of the rectosigmoid.", {"endometriosis+"}),
        ("The pulmonary arteries opacify well.", set()),
        # sides
        ("No hydronephrosis on the right, mild on the left.", {"hydronephrosis-r", "hydronephrosis+l"}),
        ("No pleural effusion on the left, small on the right.", {"pleural_effusion-l", "pleural_effusion+r"}),
        ("Left ICA 60% stenosis, right ICA less than 50%.", {"carotid_stenosis+l", "carotid_stenosis+r"}),
        ("Left ovary 4.2 cm unilocular cyst, right ovary normal.", {"ovarian_cyst+l"}),
        ("Fractures of the right 3rd through 8th and left 4th ribs.", {"rib_fracture+b"}),
        ("Parotid tumour on the right and a sialolith in the left submandibular duct.",
         {"parotid_tumor+r", "sialolithiasis+l"}),
        # a doubt of what comes with a finding; the items of a numbered list
        ("Infrarenal aortic aneurysm with contained rupture suspected.", {"aaa+", "rupture?"}),
        ("Pneumonia at the left base, though not favoured, is difficult to exclude.", {"pneumonia?l"}),
        ("1) no acute ischemic stroke 2) chronic left MCA infarct 3) right maxillary retention cyst",
         {"ischemic_stroke-", "old_infarct+l", "sinus_retention_cyst+r"}),
        ("Thrombus in the left popliteal vein, positive for DVT; contralateral leg negative.", {"dvt+l", "dvt-r"}),
        # words that mean another finding, or none
        ("Lytic lesion with a narrow zone of transition.", {"lytic_lesion+"}),
        ("Pulmonary arteries well opacified without filling defects.", {"pulmonary_embolism-"}),
        ("Segmental filling defects in RLL branches.", {"pulmonary_embolism+r"}),
        ("Non-cardiogenic pulmonary edema.", {"pulmonary_edema+"}),
        ("Free gas after right hemicolectomy.", {"pneumoperitoneum+", "postoperative+"}),
        # what is denied is said of something that is there
        ("No communication of the mass with the bone.", {"mass+"}),
        ("No growth of the meningioma since 2020.", {"meningioma+"}),
        ("Left-sided nephrostomy in good position with resolved hydronephrosis.", {"nephrostomy+l", "hydronephrosis-"}),
        ("The ET tube has been pulled back 2 cm.", {"ett+"}),
        ("Skin fold simulates pneumothorax on the right.", {"pneumothorax-r"}),
        ("Possible pneumonia, atelectasis, and/or effusion.", {"pneumonia?", "atelectasis?", "pleural_effusion?"}),
        ("Right pleural effusion and increased interstitial markings.", {"pleural_effusion+r", "interstitial_markings+"}),
        # adjectives that "or" joins doubt nothing; findings that "and/or" joins do
        ("Mild residual or recurrent pneumonia.", {"pneumonia+"}),
        ("Scarring and/or atelectasis in the lung bases.", {"pulmonary_fibrosis?", "atelectasis?"}),
        ("Hyperexpansion consistent with history of COPD.", {"hyperinflation+", "copd+"}),
        ("Intact midline sternotomy wires.", {"sternotomy+"}),
        ("Mild cardiomeg. Trace b/l pl. effusions.", {"cardiomegaly+", "pleural_effusion+b"}),
    ],
)  # fmt: skip
def test_what_a_radiologist_would_sign(sentence: str, stated: set[str]) -> None:
    assert _stated(sentence) == stated
